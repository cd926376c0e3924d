#!/bin/bash
# A study on four nodes of a Slurm cluster, as one Ray cluster: sbatch slurm.sh study.yaml
# A job that is requeued, or submitted again, goes on with what is stored.
#SBATCH --job-name=pyscore
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --gpus-per-node=4
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail

study=${1:?usage: sbatch slurm.sh study.yaml}
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))

# Starts Ray on every node, runs the command on the first one, and stops Ray everywhere when the command ends: all Ray
# processes of these nodes that one may stop, also those of other jobs, which is why nodes are taken whole (--exclusive).
srun --kill-on-bad-exit=1 ray symmetric-run \
    --address "$head:$port" \
    --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus "$SLURM_CPUS_ON_NODE" \
    --num-gpus "${SLURM_GPUS_ON_NODE:-0}" \
    -- \
    pyscore sweep "$study" --runner ray
