/* SPDX-License-Identifier: MIT */
/* unit: what every unit test includes: cmocka with the headers it wants. */
#pragma once

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
