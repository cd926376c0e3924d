"""`python -m pyscore` is the command line."""

from pyscore.cli import main

if __name__ == "__main__":
    main()
