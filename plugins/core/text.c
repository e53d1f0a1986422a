/* SPDX-License-Identifier: MIT */
/* text: what is done to strings that come from somewhere else. */
#include "core/text.h"

void text_blank_controls(char *text) {
  for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
    if (*c < ' ' || *c == 0x7f) {
      *c = '?';
    }
  }
}
