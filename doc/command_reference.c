/* SPDX-License-Identifier: MIT */
/* command_reference: prints the commands of resource-alertctl as sections of
 * its manual page, and its completion for a shell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_completion.h"
#include "ctl/command.h"

static void print_command_sections(void) {
  for (size_t i = 0; i < command_table_len; i++) {
    const struct command *command = command_table[i];
    (void)printf("=head2 ");
    (void)printf("B<%s>%s%s%s\n\n%s.\n\n%s\n\n", command->name,
                 command->flags[0].name != NULL ? " [I<OPTION> ...]" : "",
                 command->operands[0] == '\0' ? "" : " ", command->operands,
                 command->summary, command->help);
    if (command->flags[0].name == NULL) {
      continue;
    }
    (void)fputs("=over 4\n\n", stdout);
    for (const struct command_flag *flag = command->flags; flag->name != NULL;
         flag++) {
      (void)printf("=item B<--%s>%s%s%s\n\n%s.\n\n", flag->name,
                   flag->argument == NULL ? "" : " I<",
                   flag->argument == NULL ? "" : flag->argument,
                   flag->argument == NULL ? "" : ">", flag->help);
    }
    (void)fputs("=back\n\n", stdout);
  }
}

/* Copies the template, with the commands for the line "@COMMANDS@". */
static int print_manual(const char *path) {
  FILE *in = fopen(path, "re");
  if (in == NULL) {
    perror(path);
    return EXIT_FAILURE;
  }
  char line[4096];
  while (fgets(line, sizeof(line), in) != NULL) {
    if (strcmp(line, "@COMMANDS@\n") == 0) {
      print_command_sections();
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
  if (argc == 3 && strcmp(argv[1], "completion") == 0 &&
      command_completion_print(argv[2], stdout)) {
    return EXIT_SUCCESS;
  }
  (void)fputs("usage: command_reference manual TEMPLATE | "
              "completion bash|zsh|fish\n",
              stderr);
  return EXIT_FAILURE;
}
