/* SPDX-License-Identifier: MIT */
/* safe_path: whether a program can be trusted to be what its owner made it. */
#ifndef RESOURCE_ALERT_ACTIONS_SAFE_PATH_H
#define RESOURCE_ALERT_ACTIONS_SAFE_PATH_H

#include "core/error.h"

/* Checks that PATH, absolute, is a regular file that can be executed and that
 * it and every directory above it belong to root or to us and cannot be
 * written by others. Links are followed first.
 * Returns 0, or a negative errno with what is wrong and what to write. */
int safe_path_check_program(const char *path, struct error *error);

#endif
