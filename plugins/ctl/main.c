/* SPDX-License-Identifier: MIT */
/* main: resource-alertctl; all else is in the library, for the tests. */
#include "ctl/command.h"

int main(int argc, char **argv) { return command_main(argc, argv); }
