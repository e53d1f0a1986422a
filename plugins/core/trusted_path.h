/* SPDX-License-Identifier: MIT */
/* trusted_path: checks that only root and this user can change a program,
 * and reads secrets that others cannot read. */
#pragma once

#include <stdbool.h>

#include "core/error.h"

/* Checks that PATH, absolute, is a regular file that can be executed and that
 * it and every directory above it belong to root or to us and cannot be
 * written by others. Links are followed first. What passes cannot be exchanged
 * by others before it is run.
 * Returns 0, or a negative errno with what is wrong and what to write. */
int trusted_path_check_program(const char *path, struct error *error);

/* Reads a password, token or key, which is in a file of its own so that it can
 * be changed; without the white space at its end. may_be_public: also if
 * everybody may read it, as with the tokens that Kubernetes mounts.
 * *ret_text: yours, trusted_path_forget_secret().
 * Returns 0; -EPERM for a file that others can read; another negative errno.
 * The content is never in an error. */
int trusted_path_read_secret(const char *path, bool may_be_public,
                             char **ret_text, struct error *error);

/* Overwrites and frees. Accepts NULL. */
void trusted_path_forget_secret(char *text);
