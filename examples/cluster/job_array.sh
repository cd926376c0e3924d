#!/bin/bash
# A study as sixteen tasks of a Slurm job array, without Ray: sbatch job_array.sh study.yaml
# Each task scores every sixteenth checkpoint. Tasks may run at the same time, in any order, and more than once.
#SBATCH --job-name=pyscore
#SBATCH --array=1-16
#SBATCH --gpus=1
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail

study=${1:?usage: sbatch job_array.sh study.yaml}
pyscore sweep "$study" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
