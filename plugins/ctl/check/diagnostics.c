/* SPDX-License-Identifier: MIT */
/* diagnostics: prints errors and warnings, a line each, as compilers do. */
#include "ctl/check/diagnostics.h"

#include <stdarg.h>

#include "core/text.h"

/* Names and values come from the file: control characters are replaced. */
__attribute__((format(printf, 4, 0))) static void
print_diagnostic(FILE *file, const struct config_files_place *place,
                 const char *kind, const char *format, va_list arguments) {
  char text[1024];
  (void)vsnprintf(text, sizeof(text), format, arguments);
  text_blank_controls(text);
  (void)fprintf(file, "%s:", place->path);
  if (place->line > 0) {
    (void)fprintf(file, "%d:%d:", place->line, place->column);
  }
  (void)fprintf(file, " %s: %s\n", kind, text);
}

void diagnostics_error(struct diagnostics *diagnostics,
                       const struct config_files_place *place,
                       const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_diagnostic(diagnostics->file, place, "error", format, arguments);
  va_end(arguments);
  diagnostics->errors++;
}

void diagnostics_warn(struct diagnostics *diagnostics,
                      const struct config_files_place *place,
                      const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_diagnostic(diagnostics->file, place, "warning", format, arguments);
  va_end(arguments);
  diagnostics->warnings++;
}
