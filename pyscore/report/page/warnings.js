// warnings
