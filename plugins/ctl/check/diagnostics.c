/* SPDX-License-Identifier: MIT */
/* diagnostics: what a check has to say, a line each, as compilers do. */
#include "ctl/check/diagnostics.h"

#include <stdarg.h>

#include "core/text.h"

struct config_place config_place_of(const struct config_statement *statement,
                                    const struct config_item *item) {
  return (struct config_place){statement->path, item->line, item->column};
}

__attribute__((format(printf, 4, 0))) static void
say(const struct findings *findings, const struct config_place *place,
    const char *kind, const char *format, va_list arguments) {
  char text[1024];
  (void)vsnprintf(text, sizeof(text), format, arguments);
  text_blank_controls(text);
  (void)fprintf(findings->file, "%s:", place->path);
  if (place->line > 0) {
    (void)fprintf(findings->file, "%d:%d:", place->line, place->column);
  }
  (void)fprintf(findings->file, " %s: %s\n", kind, text);
}

void findings_error(struct findings *findings, const struct config_place *place,
                    const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(findings, place, "error", format, arguments);
  va_end(arguments);
  findings->errors++;
}

void findings_warn(struct findings *findings, const struct config_place *place,
                   const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(findings, place, "warning", format, arguments);
  va_end(arguments);
  findings->warnings++;
}
