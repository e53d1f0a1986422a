/* SPDX-License-Identifier: MIT */
/* error: a negative errno for the program and one line of text for people. */
#pragma once

#define ERROR_TEXT_BYTES 512

struct error {
  char text[ERROR_TEXT_BYTES]; /* empty until something failed */
};

/* Writes the line and hands CODE back, so that a failure is one statement:
 *   return error_set(error, -EINVAL, "port %d is out of range", port);
 * error: may be NULL, then only the code counts. code: negative errno.
 * The text is cut at ERROR_TEXT_BYTES - 1; control characters in it become
 * '?', because what failed may have come from a log or a server. */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " in front of the text, as the error travels up. */
void error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Cuts the text at the last ": " before a part of SECRET, where a part has 6
 * bytes or more and no blank or punctuation of URLs and headers. Servers like
 * to repeat the path that they do not know and the token that they refuse.
 * secret: NULL changes nothing. */
void error_hide(struct error *error, const char *secret);
