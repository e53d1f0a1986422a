/* SPDX-License-Identifier: MIT */
/* secret_file: passwords, tokens and keys, which stand in files of their own
 * and are read when they are needed, so that they may be changed. */
#ifndef RESOURCE_ALERT_ACTIONS_SECRET_FILE_H
#define RESOURCE_ALERT_ACTIONS_SECRET_FILE_H

#include <stdbool.h>

#include "core/error.h"

/* Reads PATH without the white space at its end.
 * *ret_text: yours, secret_file_forget().
 * Returns 0; -EPERM for a file that everybody may read; another negative
 * errno. The content never stands in an error. */
int secret_file_read(const char *path, char **ret_text, struct error *error);

/* Overwrites and frees. Accepts NULL. */
void secret_file_forget(char *text);

#endif
