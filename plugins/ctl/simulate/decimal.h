/* SPDX-License-Identifier: MIT */
/* decimal: numbers as the csv plugin writes them, read quickly. */
#ifndef CTL_SIMULATE_DECIMAL_H
#define CTL_SIMULATE_DECIMAL_H

/* Reads the number that TEXT begins with into *ret, as strtod() does to the
 * last bit; "1793000000.123" and the like ten times as quickly.
 * Returns where it ends, TEXT where there is none (*ret is 0 then). */
const char *decimal_parse(const char *text, double *ret);

#endif
