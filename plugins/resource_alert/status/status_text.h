/* SPDX-License-Identifier: MIT */
/* status_text: the status as a table for people: a terminal, a file, or
 * /status.txt. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where the text goes. */
struct status_text_target {
  FILE *file;
  int columns;     /* lines are cut there; 0: they are not */
  size_t rows;     /* as many rules are printed as fit; 0: all */
  bool has_colour; /* states have the colours of a terminal */
};

/* Prints the rules, the worst first; responses and silences in the order of the
 * daemon. status: of status_to_json(). */
void status_text_print(const json_t *status,
                       const struct status_text_target *to);
