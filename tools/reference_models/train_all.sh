#!/bin/sh
# Trains the reference models, exports them, measures them and writes their cards: autoencoder, teacher and diffusion
# transformer first, then the decoder once more against a discriminator and the teacher's features, and last the
# text-conditional UNet, which shares autoencoder and teacher.
# Stopped at any point, the same command goes on from the last checkpoint.
#
#   DATA_DIR        folder with the gzipped IDX files of Fashion-MNIST
#   CHECKPOINT_DIR  checkpoints and cached latents
#   OUTPUT          where the ONNX files go; the UNet's go to OUTPUT-unet beside it
#   DEVICE          cpu or cuda
#   PYTHON          interpreter with torch, numpy and onnx
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${DATA_DIR:=/usr/share/datasets/fashion-mnist}" "${CHECKPOINT_DIR:=checkpoints}" "${DEVICE:=cpu}" "${PYTHON:=python3}"
: "${OUTPUT:=$here/../../models/fashion-mnist}" "${SEED:=0}" "${GUIDANCE_SCALE:=1.5}" "${INFERENCE_STEPS:=25}"

for model in autoencoder teacher dit; do
    "$PYTHON" "$here/$model.py" --data-dir "$DATA_DIR" --checkpoint-dir "$CHECKPOINT_DIR" --device "$DEVICE" --seed "$SEED"
done
"$PYTHON" "$here/export.py" --data-dir "$DATA_DIR" --checkpoint-dir "$CHECKPOINT_DIR" --output "$OUTPUT" \
    --guidance-scale "$GUIDANCE_SCALE" --num-inference-steps "$INFERENCE_STEPS"
"$PYTHON" "$here/decoder.py" --data-dir "$DATA_DIR" --checkpoint-dir "$CHECKPOINT_DIR" --device "$DEVICE" --seed "$SEED" --model "$OUTPUT"
"$PYTHON" "$here/evaluate.py" --data-dir "$DATA_DIR" --checkpoint-dir "$CHECKPOINT_DIR" \
    --guidance-scale "$GUIDANCE_SCALE" --num-inference-steps "$INFERENCE_STEPS"
"$PYTHON" "$here/card.py" --checkpoint-dir "$CHECKPOINT_DIR" --output "$OUTPUT"

"$PYTHON" "$here/unet.py" --data-dir "$DATA_DIR" --checkpoint-dir "$CHECKPOINT_DIR" --device "$DEVICE" --seed "$SEED"
"$PYTHON" "$here/export_unet.py" --checkpoint-dir "$CHECKPOINT_DIR" --output "$OUTPUT-unet" --shared "../$(basename "$OUTPUT")" \
    --guidance-scale "$GUIDANCE_SCALE" --num-inference-steps "$INFERENCE_STEPS"
"$PYTHON" "$here/evaluate.py" --model unet --data-dir "$DATA_DIR" --checkpoint-dir "$CHECKPOINT_DIR" \
    --guidance-scale "$GUIDANCE_SCALE" --num-inference-steps "$INFERENCE_STEPS"
"$PYTHON" "$here/card_unet.py" --checkpoint-dir "$CHECKPOINT_DIR" --output "$OUTPUT-unet"
