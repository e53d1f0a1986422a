/* SPDX-License-Identifier: MIT */
/* error: a code for the program, one line of text for the person. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

int error_set(struct error *error, int code, const char *format, ...) {
  if (error == NULL) {
    return code;
  }
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
  va_end(arguments);
  text_chomp(error->text);
  text_blank_controls(error->text);
  return code;
}

void error_prefix(struct error *error, const char *format, ...) {
  if (error == NULL) {
    return;
  }
  char rest[ERROR_TEXT_BYTES];
  memcpy(rest, error->text, sizeof(rest));
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
  va_end(arguments);
  size_t used = strlen(error->text);
  (void)snprintf(error->text + used, sizeof(error->text) - used, ": %.*s",
                 (int)(sizeof(error->text) - used), rest);
  text_blank_controls(error->text);
}

/* Ends TEXT before what leads to FOUND in it. */
static void cut_before(char *text, char *found) {
  *found = '\0';
  char *end = text;
  for (char *colon = text; (colon = strstr(colon, ": ")) != NULL; colon++) {
    end = colon;
  }
  *end = '\0';
}

void error_hide(struct error *error, const char *secret) {
  static const char separators[] = " \t\r\n/?&=#:;,\"";
  char part[ERROR_TEXT_BYTES];
  while (secret != NULL && *secret != '\0') {
    size_t length = strcspn(secret, separators);
    (void)snprintf(part, sizeof(part), "%.*s", (int)length, secret);
    char *found = length < 6 ? NULL : strstr(error->text, part);
    if (found != NULL) {
      cut_before(error->text, found);
    }
    secret += length;
    secret += strspn(secret, separators);
  }
}
