/* SPDX-License-Identifier: MIT */
/* command_completion: resource-alertctl's completion for bash, zsh and fish. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Prints the script for SHELL. Returns false where there is none. */
bool command_completion_print(const char *shell, FILE *file);
