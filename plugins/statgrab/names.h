/* SPDX-License-Identifier: MIT */
/* names: what collectd, and those behind it, can take as a name. */
#ifndef STATGRAB_NAMES_H
#define STATGRAB_NAMES_H

#include <stddef.h>

/* Bytes of the name of one of several: leaves room for "interface-" in a
 * plugin instance. */
#define ITEM_NAME_BYTES 112

/* Makes NAME of any bytes: '/' becomes '-'; control characters, and bytes that
 * are not UTF-8, become '_'. What is too long is cut and ends in a hash of the
 * whole, so that two long ones stay two. */
void name_clean(const char *text, char name[ITEM_NAME_BYTES]);

/* The name of a mount point: "root" for /, else the path without its first
 * slash, cleaned. */
void name_of_path(const char *path, char name[ITEM_NAME_BYTES]);

/* The name of a device: without /dev/, cleaned. */
void name_of_device(const char *device, char name[ITEM_NAME_BYTES]);

/* Puts "-" and a hash of TEXT at the end of NAME: for a name that two share. */
void name_set_apart(const char *text, char name[ITEM_NAME_BYTES]);

#endif
