# SPDX-License-Identifier: MIT
"""check refuses the configurations that collectd refuses, and no others."""
import generated_configs


def test_300_generated_configurations(tmp_path):
    generated_configs.compare(tmp_path, 300)
