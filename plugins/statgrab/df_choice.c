/* SPDX-License-Identifier: MIT */
/* df_choice: which of the mounted file systems are told of, and under what
 * names. */
#include "statgrab/df_choice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In strcmp's order. */
static const char *const pseudo_types[] = {
    "autofs",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "cramfs",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fdescfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.snapfuse",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "kernfs",
    "linprocfs",
    "linsysfs",
    "mqueue",
    "nsfs",
    "nullfs",
    "overlay",
    "pipefs",
    "proc",
    "procfs",
    "pstore",
    "ptyfs",
    "ramfs",
    "resctrl",
    "romfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sockfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "udf",
};

static int compare_type(const void *type, const void *entry) {
  return strcmp(type, *(const char *const *)entry);
}

bool df_type_is_pseudo(const char *type) {
  return bsearch(type, pseudo_types,
                 sizeof(pseudo_types) / sizeof(pseudo_types[0]),
                 sizeof(pseudo_types[0]), compare_type) != NULL;
}

/* The others, in strcmp's order; a type whose module is not loaded yet is a
 * type nevertheless, so the kernel is not asked. */
static const char *const disk_types[] = {
    "9p",       "acfs",    "adfs",     "affs",      "afs",    "apfs",
    "bcachefs", "beegfs",  "bfs",      "btrfs",     "cd9660", "ceph",
    "cifs",     "coda",    "ecryptfs", "exfat",     "ext2",   "ext2fs",
    "ext3",     "ext4",    "f2fs",     "fat",       "ffs",    "fuse",
    "fuseblk",  "gfs",     "gfs2",     "glusterfs", "gpfs",   "hammer",
    "hammer2",  "hfs",     "hfsplus",  "hpfs",      "hsfs",   "jffs2",
    "jfs",      "jfs2",    "lustre",   "minix",     "msdos",  "msdosfs",
    "ncpfs",    "nfs",     "nfs3",     "nfs4",      "nilfs2", "ntfs",
    "ntfs3",    "ocfs2",   "omfs",     "orangefs",  "pvfs2",  "qnx4",
    "qnx6",     "reiser4", "reiserfs", "smb3",      "smbfs",  "sysv",
    "ubifs",    "ufs",     "umsdos",   "vboxsf",    "vfat",   "virtiofs",
    "vmhgfs",   "vxfs",    "xenix",    "xfs",       "zfs",    "zonefs",
};

bool df_type_may_hang(const char *type) {
  static const char *const remote[] = {
      "9p",    "acfs",     "afs",   "autofs",    "beegfs", "ceph",     "cifs",
      "coda",  "gfs",      "gfs2",  "glusterfs", "gpfs",   "lustre",   "ncpfs",
      "ocfs2", "orangefs", "pvfs2", "smb3",      "smbfs",  "virtiofs",
  };
  return strncmp(type, "fuse", 4) == 0 || strncmp(type, "nfs", 3) == 0 ||
         bsearch(type, remote, sizeof(remote) / sizeof(remote[0]),
                 sizeof(remote[0]), compare_type) != NULL;
}

int df_check_type(const char *value, struct error *error) {
  int code = selection_check(value, error);
  if (code != 0) {
    return code;
  }
  bool is_expression = value[0] == '/';
  bool is_fuse = strncmp(value, "fuse.", 5) == 0;
  bool is_known =
      bsearch(value, disk_types, sizeof(disk_types) / sizeof(disk_types[0]),
              sizeof(disk_types[0]), compare_type) != NULL;
  if (is_expression || is_fuse || is_known || df_type_is_pseudo(value)) {
    return 0;
  }
  return error_set(error, -EINVAL,
                   "is no known type of file system; write it as \"/^%s$/\" "
                   "if it is one",
                   value);
}

int df_choice_init(struct df_choice *choice, const struct df_options *options,
                   struct error *error) {
  *choice = (struct df_choice){.options = options};
  int code = selection_init(&choice->devices, &options->devices, error);
  if (code == 0) {
    code = selection_init(&choice->mount_points, &options->mount_points, error);
  }
  if (code == 0) {
    code = selection_init(&choice->fs_types, &options->fs_types, error);
  }
  if (code != 0) {
    df_choice_fini(choice);
  }
  return code;
}

void df_choice_fini(struct df_choice *choice) {
  if (choice == NULL) {
    return;
  }
  selection_fini(&choice->devices);
  selection_fini(&choice->mount_points);
  selection_fini(&choice->fs_types);
  free(choice->items);
  *choice = (struct df_choice){0};
}

static bool is_named(const struct df_choice *choice,
                     const struct mount *mount) {
  return selection_names(&choice->devices, mount->device) ||
         selection_names(&choice->mount_points, mount->name) ||
         selection_names(&choice->fs_types, mount->type);
}

static bool is_wanted(const struct df_choice *choice,
                      const struct mount *mount) {
  bool is_ignoring = choice->options->ignore_selected;
  if (!selection_takes(&choice->devices, mount->device, is_ignoring) ||
      !selection_takes(&choice->mount_points, mount->name, is_ignoring) ||
      !selection_takes(&choice->fs_types, mount->type, is_ignoring)) {
    return false;
  }
  return !df_type_is_pseudo(mount->type) || strcmp(mount->name, "/") == 0 ||
         (!is_ignoring && is_named(choice, mount));
}

/* ---- one of several that show the same ---- */

struct candidate {
  const struct mount *mount;
};

/* By name; of two of the same name the later one hides the other and goes
 * first. Rows of a table lie side by side, so their addresses tell. */
static int compare_names(const void *a, const void *b) {
  const struct mount *left = ((const struct candidate *)a)->mount;
  const struct mount *right = ((const struct candidate *)b)->mount;
  int order = strcmp(left->name, right->name);
  return order != 0 ? order : left < right ? 1 : -1;
}

/* By device, the shortest path first; it is the one that people know. */
static int compare_devices(const void *a, const void *b) {
  const struct mount *left = ((const struct candidate *)a)->mount;
  const struct mount *right = ((const struct candidate *)b)->mount;
  int order = strcmp(left->device, right->device);
  size_t left_length = strlen(left->name);
  size_t right_length = strlen(right->name);
  if (order == 0 && left_length != right_length) {
    order = left_length < right_length ? -1 : 1;
  }
  return order != 0 ? order : strcmp(left->name, right->name);
}

static size_t leave_hidden(struct candidate *mounts, size_t len) {
  size_t kept = 0;
  qsort(mounts, len, sizeof(mounts[0]), compare_names);
  for (size_t i = 0; i < len; i++) {
    if (kept == 0 ||
        strcmp(mounts[i].mount->name, mounts[kept - 1].mount->name) != 0) {
      mounts[kept++] = mounts[i];
    }
  }
  return kept;
}

static size_t leave_unwanted(const struct df_choice *choice,
                             struct candidate *mounts, size_t len) {
  size_t kept = 0;
  for (size_t i = 0; i < len; i++) {
    if (is_wanted(choice, mounts[i].mount)) {
      mounts[kept++] = mounts[i];
    }
  }
  return kept;
}

static size_t leave_same_device(struct candidate *mounts, size_t len) {
  size_t kept = 0;
  qsort(mounts, len, sizeof(mounts[0]), compare_devices);
  for (size_t i = 0; i < len; i++) {
    bool is_device =
        mounts[i].mount->device[0] == '/'; /* not "none" or "tmpfs" */
    if (!is_device || kept == 0 ||
        strcmp(mounts[i].mount->device, mounts[kept - 1].mount->device) != 0) {
      mounts[kept++] = mounts[i];
    }
  }
  return kept;
}

/* ---- names ---- */

static int compare_items(const void *a, const void *b) {
  const struct df_item *left = a;
  const struct df_item *right = b;
  return strcmp(left->name, right->name);
}

/* Sorts by name. /a-b and /a/b are both a-b: the second gets a name of its own.
 */
static void set_apart(struct df_item *items, size_t len,
                      const struct mount_table *table) {
  if (len > 0) {
    qsort(items, len, sizeof(items[0]), compare_items);
  }
  for (size_t i = 1; i < len; i++) {
    if (strcmp(items[i].name, items[i - 1].name) == 0) {
      name_set_apart(table->rows[items[i].row].name, items[i].name);
    }
  }
  if (len > 0) {
    qsort(items, len, sizeof(items[0]), compare_items);
  }
}

int df_choice_make(struct df_choice *choice, const struct mount_table *table,
                   struct error *error) {
  const struct df_options *options = choice->options;
  free(choice->items);
  choice->items = NULL;
  choice->items_len = 0;
  size_t len = table->len;
  struct candidate *mounts = calloc(len + 1, sizeof(*mounts));
  struct df_item *items = calloc(len + 1, sizeof(*items));
  if (mounts == NULL || items == NULL) {
    free(mounts);
    free(items);
    return error_set(error, -ENOMEM, "out of memory");
  }
  for (size_t i = 0; i < len; i++) {
    mounts[i].mount = &table->rows[i];
  }
  len = leave_unwanted(choice, mounts, leave_hidden(mounts, len));
  bool has_names =
      !options->ignore_selected &&
      choice->devices.len + choice->mount_points.len + choice->fs_types.len > 0;
  if (!has_names || options->report_by_device) {
    len = leave_same_device(mounts, len);
  }
  for (size_t i = 0; i < len; i++) {
    items[i].row = (size_t)(mounts[i].mount - table->rows);
    if (options->report_by_device) {
      name_of_device(mounts[i].mount->device, items[i].name);
    } else {
      name_of_path(mounts[i].mount->name, items[i].name);
    }
  }
  free(mounts);
  set_apart(items, len, table);
  choice->items = items;
  choice->items_len = len;
  return 0;
}
