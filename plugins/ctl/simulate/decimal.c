/* SPDX-License-Identifier: MIT */
/* decimal: numbers as the csv plugin writes them, read quickly: a whole number
 * below 2^53 and a power of ten up to 10^22 are doubles without an error, so
 * that one division rounds them as it should be (Clinger 1990), unless it
 * rounds twice: the x87 computes with more bits than a double has. */
#include "ctl/simulate/decimal.h"

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ROUNDS_ONCE (FLT_EVAL_METHOD == 0)
#define EXACT_MAX (UINT64_C(1) << 53)
#define DIGITS_MAX 18 /* always fit into 64 bits */

static const double powers[DIGITS_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};

/* Behind the digits at TEXT; they may be too many for *number. */
static const char *take_digits(const char *text, uint64_t *number) {
  unsigned digit;
  for (; (digit = (unsigned)*text - '0') < 10; text++) {
    *number = *number * 10 + digit;
  }
  return text;
}

static const char *parse_slowly(const char *text, double *ret) {
  char *end = NULL;
  *ret = strtod(text, &end);
  return end;
}

const char *decimal_parse(const char *text, double *ret) {
  const char *first = text + (text[0] == '-' ? 1 : 0);
  uint64_t digits = 0;
  const char *end = take_digits(first, &digits);
  size_t len = (size_t)(end - first);
  size_t behind_point = 0;
  if (*end == '.') {
    const char *point = end;
    end = take_digits(point + 1, &digits);
    behind_point = (size_t)(end - point - 1);
  }
  bool goes_on = (*end | ' ') == 'e' || (*end | ' ') == 'x';
  if (len == 0 || goes_on || len + behind_point > DIGITS_MAX ||
      digits >= EXACT_MAX || !ROUNDS_ONCE) {
    return parse_slowly(text, ret);
  }
  double number = (double)digits / powers[behind_point];
  *ret = text[0] == '-' ? -number : number;
  return end;
}
