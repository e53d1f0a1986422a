/* SPDX-License-Identifier: MIT */
/* secret_file: passwords, tokens and keys, which stand in files of their own
 * and are read when they are needed, so that they may be changed. */
#ifndef RESOURCE_ALERT_ACTIONS_SECRET_FILE_H
#define RESOURCE_ALERT_ACTIONS_SECRET_FILE_H

#include <stdbool.h>

#include "core/error.h"

/* Reads PATH without the white space at its end. may_be_public: do not mind
 * that everybody may read it, as with the tokens that Kubernetes mounts.
 * *ret_text: yours, secret_file_forget().
 * Returns 0; -EPERM for a file that everybody may read; another negative
 * errno. The content never stands in an error. */
int secret_file_read(const char *path, bool may_be_public, char **ret_text,
                     struct error *error);

/* Overwrites and frees. Accepts NULL. */
void secret_file_forget(char *text);

#endif
