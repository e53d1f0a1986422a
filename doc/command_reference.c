/* SPDX-License-Identifier: MIT */
/* command_reference: prints the commands of resource-alertctl as sections of
 * its manual page, and its completion for bash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void print_completion(void) {
  (void)fputs("# bash completion of resource-alertctl\n_resource_alertctl() {\n"
              "  local words=\"--help\" first=\"\"\n"
              "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words=\"",
              stdout);
  for (size_t i = 0; i < command_table_len; i++) {
    (void)printf("%s ", command_table[i]->name);
  }
  (void)fputs("--help --version\"\n  else\n    case ${COMP_WORDS[1]} in\n",
              stdout);
  for (size_t i = 0; i < command_table_len; i++) {
    (void)printf("    %s) words=\"", command_table[i]->name);
    for (const struct command_flag *flag = command_table[i]->flags;
         flag->name != NULL; flag++) {
      (void)printf("--%s ", flag->name);
    }
    (void)printf("--help\"%s%s%s ;;\n",
                 command_table[i]->words == NULL ? "" : "; first=\"",
                 command_table[i]->words == NULL ? "" : command_table[i]->words,
                 command_table[i]->words == NULL ? "" : "\"");
  }
  (void)fputs(
      "    esac\n"
      "    [ \"$COMP_CWORD\" -eq 2 ] && words=\"$first $words\"\n  fi\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- "
      "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
      "}\ncomplete -o default -F _resource_alertctl resource-alertctl\n",
      stdout);
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
  if (argc == 2 && strcmp(argv[1], "completion") == 0) {
    print_completion();
    return EXIT_SUCCESS;
  }
  (void)fputs("usage: command_reference manual TEMPLATE | completion\n",
              stderr);
  return EXIT_FAILURE;
}
