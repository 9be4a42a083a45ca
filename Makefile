# `make demo` and `make test` each make .venv when it is missing; a second run installs nothing.
PYTHON ?= python3
WORK_DIR ?= work_dirs/demo

READY := .venv/.ready
RUN := .venv/bin/python

.PHONY: demo test lint browser clean

demo: $(READY)
	$(RUN) tools/make_synthetic.py --out $(WORK_DIR)/data --images 240 --test-images 40 --overwrite
	$(RUN) tools/kfold.py --ann $(WORK_DIR)/data/train.json --out-dir $(WORK_DIR)/folds --folds 2
	$(RUN) tools/train_kfold.py configs/demo/cascade-rcnn_tiny.py --data-root $(WORK_DIR)/data --folds-dir $(WORK_DIR)/folds --work-dir $(WORK_DIR) --jobs 2 --resume --from-scratch --test-gt $(WORK_DIR)/data/test_truth.json
	$(RUN) tools/browse.py $(WORK_DIR)/data/test.json --predictions $(WORK_DIR)/submission.csv --out $(WORK_DIR)/detections.png
	$(RUN) tools/analyze.py $(WORK_DIR)/oof.parquet --gt $(WORK_DIR)/oof_truth.json --images $(WORK_DIR)/data --logs $(WORK_DIR) --out $(WORK_DIR)/report.html

test: lint browser
	$(RUN) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) tools/check_config.py --all

# The tests open reports in Debian's Chromium.
browser:
	@command -v chromium >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && apt-get -qq update && apt-get -qq install --no-install-recommends chromium >/dev/null; } \
		|| echo "no Chromium: reports are not opened in a browser; sudo apt-get install chromium brings it"

clean:
	rm -rf .venv

$(READY): requirements.txt pyproject.toml tools/install.py
	$(PYTHON) tools/install.py .venv
	touch $@
