# `make demo` and `make test` each make .venv when it is missing; a second run installs nothing.
PYTHON ?= python3
WORK_DIR ?= work_dirs/demo

READY := .venv/.ready
RUN := .venv/bin/python

.PHONY: demo test lint clean

demo: $(READY)
	$(RUN) tools/make_synthetic.py --out $(WORK_DIR)/data --images 400 --test-images 40 --overwrite
	$(RUN) tools/train.py configs/demo/cascade-rcnn_tiny.py --data-root $(WORK_DIR)/data --from-scratch --work-dir $(WORK_DIR)
	$(RUN) tools/test.py configs/demo/cascade-rcnn_tiny.py $(WORK_DIR)/last.pth --data-root $(WORK_DIR)/data --split test --out $(WORK_DIR)/submission.csv
	$(RUN) tools/browse.py $(WORK_DIR)/data/test.json --predictions $(WORK_DIR)/submission.csv --out $(WORK_DIR)/detections.png

test: lint
	$(RUN) -m pytest

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean:
	rm -rf .venv

$(READY): requirements.txt pyproject.toml tools/install.py
	$(PYTHON) tools/install.py .venv
	touch $@
