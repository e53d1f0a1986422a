# SPDX-License-Identifier: MIT
"""check refuses the configurations that collectd refuses, and no others."""
import generated_configs
from servers import build


def test_generated_configurations(tmp_path):
    # A start under a sanitizer takes half a second.
    generated_configs.compare(tmp_path, 60 if build.sanitizers() else 500)
