#!/usr/bin/env bash
# From nothing to training data, offline and without a display:  bash scripts/demo.sh [FOLDER]
# Sets up .venv, makes three scenes in FOLDER (demo-output/ unless named), runs the whole pipeline on them and
# shows where everything is and one sample of each kind of text.
set -euo pipefail
demo=$(realpath -m "${1:-$(dirname "${BASH_SOURCE[0]}")/../demo-output}")
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
unset OPENAI_BASE_URL OPENAI_API_KEY   # the demo asks no model
export OMP_NUM_THREADS=1

step() { printf '\n# %s\n$' "$1"; shift; printf ' %s' python "${@/#$root\//}"; printf '\n'; .venv/bin/python "$@"; }

step "Three scenes with the noise of a Kinect; in their place stand your images, depth maps and masks" \
  examples/make_scenes.py --output-dir "$demo" --scenes 3 --kind kinect --seed 7
step "RGB and depth to point clouds and point maps" \
  d2p.py --dataset-path "$demo" --scale-factor 5000 --world-coordinates
step "Objects to layers by depth, nearest first" \
  layers_aggregation.py --input-file "$demo/asv2_level.json" --depth-dir "$demo/depth_maps" \
  --mask-dir "$demo/masks" --scale-factor 5000 --output-file "$demo/processed_annotations.json"
step "The objects' order, seen from four sides" \
  multiview_layers.py --input-file "$demo/processed_annotations.json" --point-cloud-dir "$demo/point_clouds" \
  --mask-dir "$demo/masks" --output-file "$demo/annotations.json"
step "A picture of each scene with its layers" \
  examples/draw_layers.py --anno-file "$demo/annotations.json" --mask-dir "$demo/masks" --data-prefix "$demo/" \
  --output-dir "$demo/layers"
step "Geometry to text: layered descriptions" \
  llm_based_query.py --anno-file "$demo/annotations.json" --prompt-function create_layer_prompt \
  --output-file "$demo/layer_description.json"
step "Geometry to text: questions and answers" \
  llm_based_query.py --anno-file "$demo/annotations.json" --prompt-function create_between_prompt \
  --output-file "$demo/between_qa.json"
step "Geometry to text: conversations from rotated viewpoints" \
  llm_based_query.py --anno-file "$demo/annotations.json" --prompt-function create_rotation_prompt \
  --output-file "$demo/rotation_prompts.json"

.venv/bin/python - "$demo" <<'PYTHON'
import json
import sys
import textwrap
from pathlib import Path

demo = Path(sys.argv[1])
for name in ("layer_description", "between_qa", "rotation_prompts"):
    record = json.loads((demo / f"{name}.json").read_text())[0]
    print(f"\n=== {name}.json: {record['image']}, written by {record['source']}")
    for turn in record["conversations"]:
        text = f"{turn['from'].upper()}: {turn['value']}"
        print(textwrap.fill(text, 115, subsequent_indent="    ", break_long_words=False))
print(f"""
All of it is in {demo}
  images/ depth_maps/ masks/ asv2_level.json    what the pipeline reads
  point_clouds/                                 clouds (.ply) and point maps (.npy)
  annotations.json                              depth ranges, layers and orders of every scene
  layers/                                       pictures of the layers
  layer_description.json between_qa.json rotation_prompts.json    what LLaVA trains on (--data_path)""")
PYTHON
