/* SPDX-License-Identifier: MIT */
/* option_doc: the reference of an option table, and its check against a sample
 * file; used when the manual is built and tested, not by the daemon. */
#pragma once

#include <stdio.h>

#include "core/option.h"

/* Writes the reference of BLOCK and the blocks in it as POD items. */
void option_doc_print(const struct option_block *block, FILE *file);

/* Checks that every option of BLOCK, and of the blocks in it, is used in ITEM
 * at least once: the sample file that shows all of them.
 * Returns 0, or -ENOENT with the name of the first one missing. */
int option_doc_check_sample(const struct option_block *block,
                            const struct config_item *item,
                            struct error *error);
