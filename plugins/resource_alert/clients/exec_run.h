/* SPDX-License-Identifier: MIT */
/* exec_run: runs one command through the helper program and reports its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct exec_job {
  const char *helper; /* path of the helper program */
  const char *user;
  const char *const *command; /* words, command_len of them */
  size_t command_len;
  const char *input; /* what the command reads */
  size_t input_bytes;
  bool is_check;       /* all but running it */
  int64_t deadline_ms; /* monotonic */
  int cancel_fd;       /* readable: end it; -1: never */
};

/* Runs the command until it ends, its whole process group with it.
 * output: what it wrote first, output_bytes - 1 of it at most, and a NUL.
 * Returns 0 when it exited with 0; -EIO for another end, -ETIMEDOUT,
 * -ECANCELED, -ENOEXEC when the helper cannot do it, or a negative errno, with
 * the reason in ERROR. Works while SIGCHLD is ignored; leaves no child. */
int exec_run(const struct exec_job *job, char *output, size_t output_bytes,
             struct error *error);
