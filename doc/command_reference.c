/* SPDX-License-Identifier: MIT */
/* command_reference: prints what resource-alertctl's table of commands says,
 * as sections of its manual page and as a completion for bash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"

/* Copies the template, the reference for the line "@COMMANDS@". */
static int print_manual(const char *path) {
  FILE *in = fopen(path, "re");
  if (in == NULL) {
    perror(path);
    return EXIT_FAILURE;
  }
  char line[4096];
  while (fgets(line, sizeof(line), in) != NULL) {
    if (strcmp(line, "@COMMANDS@\n") == 0) {
      command_print_pod(stdout);
    } else {
      (void)fputs(line, stdout);
    }
  }
  (void)fclose(in);
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "manual") == 0) {
    return print_manual(argv[2]);
  }
  if (argc == 2 && strcmp(argv[1], "completion") == 0) {
    command_print_completion(stdout);
    return EXIT_SUCCESS;
  }
  (void)fputs("usage: command_reference manual TEMPLATE | completion\n",
              stderr);
  return EXIT_FAILURE;
}
