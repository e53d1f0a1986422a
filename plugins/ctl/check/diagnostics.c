/* SPDX-License-Identifier: MIT */
/* diagnostics: prints errors and warnings, a line each, as compilers do. */
#include "ctl/check/diagnostics.h"

#include <stdarg.h>

#include "core/text.h"

void diagnostics_print(struct diagnostics *diagnostics,
                       enum diagnostics_kind kind,
                       struct config_files_place place, const char *format,
                       ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  text_blank_controls(text);
  (void)fprintf(diagnostics->file, "%s:", place.path);
  if (place.item->line > 0) {
    (void)fprintf(diagnostics->file, "%d:%d:", place.item->line,
                  place.item->column);
  }
  (void)fprintf(diagnostics->file, " %s: %s\n",
                kind == DIAGNOSTICS_ERROR ? "error" : "warning", text);
  diagnostics->counts[kind]++;
}
