/* SPDX-License-Identifier: MIT */
/* secret_file: passwords, tokens and keys, which stand in files of their own.
 */
#include "resource_alert/actions/secret_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file_util.h"

#define SECRET_BYTES_MAX 65536

int secret_file_read(const char *path, bool may_be_public, char **ret_text,
                     struct error *error) {
  struct stat status;
  char *text = NULL;
  size_t bytes = 0;
  if (!may_be_public && stat(path, &status) == 0 &&
      (status.st_mode & S_IROTH) != 0) {
    return error_set(error, -EPERM, "%s: everybody may read it: chmod o-rwx %s",
                     path, path);
  }
  int code = file_read(path, SECRET_BYTES_MAX, &text, &bytes, error);
  if (code != 0) {
    return code;
  }
  while (bytes > 0 && strchr(" \t\r\n", text[bytes - 1]) != NULL) {
    text[--bytes] = '\0';
  }
  if (bytes == 0 || strlen(text) != bytes) {
    secret_file_forget(text);
    return error_set(error, -EINVAL, "%s: is empty or holds a NUL", path);
  }
  *ret_text = text;
  return 0;
}

void secret_file_forget(char *text) {
  if (text != NULL) {
    explicit_bzero(text, strlen(text));
    free(text);
  }
}
