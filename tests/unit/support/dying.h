/* SPDX-License-Identifier: MIT */
/* dying: a disk that is full, or a process that is killed, at a chosen
 * write(2), fdatasync(2), fsync(2) or renameat(2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DYING_EXIT_CODE 77

/* Lets the next COUNT of these calls succeed; at the one after them the process
 * ends with DYING_EXIT_CODE, at a write with half of it written. */
void dying_after(size_t count);

/* While it is, these calls fail with ENOSPC. */
void disk_is_full(bool is_full);
