/* SPDX-License-Identifier: MIT */
/* filesystem_filter: selects the mounts to report and names them. */
#include "statgrab/filesystem_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
/* ---- types; each list is a text of words between blanks ---- */

/* Types that have no disk of their own, or images that are always full. */
static const char pseudo_types[] =
    " autofs binder binfmt_misc bpf cgroup cgroup2 configfs cpuset cramfs "
    "debugfs devfs devpts devtmpfs efivarfs erofs fdescfs fuse.gvfsd-fuse "
    "fuse.lxcfs fuse.portal fuse.snapfuse fusectl hugetlbfs iso9660 kernfs "
    "linprocfs linsysfs mqueue nsfs nullfs overlay pipefs proc procfs pstore "
    "ptyfs ramfs resctrl romfs rootfs rpc_pipefs securityfs selinuxfs smackfs "
    "sockfs squashfs sysfs tmpfs tracefs udf ";

/* The other types that exist, to find spelling mistakes. The kernel is not
 * asked: it does not list a type whose module is not loaded yet. */
static const char disk_types[] =
    " 9p acfs adfs affs afs apfs bcachefs beegfs bfs btrfs cd9660 ceph cifs "
    "coda ecryptfs exfat ext2 ext2fs ext3 ext4 f2fs fat ffs fuse fuseblk gfs "
    "gfs2 glusterfs gpfs hammer hammer2 hfs hfsplus hpfs hsfs jffs2 jfs jfs2 "
    "lustre minix msdos msdosfs ncpfs nfs nfs3 nfs4 nilfs2 ntfs ntfs3 ocfs2 "
    "omfs orangefs pvfs2 qnx4 qnx6 reiser4 reiserfs smb3 smbfs sysv ubifs ufs "
    "umsdos vboxsf vfat virtiofs vmhgfs vxfs xenix xfs zfs zonefs ";

/* Besides all that begin with "nfs" or "fuse". */
static const char remote_types[] =
    " 9p acfs afs autofs beegfs ceph cifs coda gfs gfs2 glusterfs gpfs lustre "
    "ncpfs ocfs2 orangefs pvfs2 smb3 smbfs virtiofs ";

/* Looks TYPE up as a whole word. The blank at each end of a list makes
 * at[-1] and at[length] valid. */
static bool is_listed_type(const char *list, const char *type) {
  size_t length = strlen(type);
  if (length == 0 || strchr(type, ' ') != NULL) {
    return false;
  }
  const char *at = strstr(list, type);
  while (at != NULL && (at[-1] != ' ' || at[length] != ' ')) {
    at = strstr(at + length, type);
  }
  return at != NULL;
}

bool filesystem_filter_may_hang(const char *type) {
  return strncmp(type, "fuse", 4) == 0 || strncmp(type, "nfs", 3) == 0 ||
         is_listed_type(remote_types, type);
}

/* The part behind "fuse." is the name of a program, and any is valid. */
int filesystem_filter_check_type(const char *value, struct error *error) {
  int code = ignorelist_check_entry(value, error);
  if (code != 0) {
    return code;
  }
  bool is_expression = value[0] == '/';
  bool is_fuse = strncmp(value, "fuse.", 5) == 0;
  if (is_expression || is_fuse || is_listed_type(disk_types, value) ||
      is_listed_type(pseudo_types, value)) {
    return 0;
  }
  return error_set(error, -EINVAL,
                   "is not a known file system type; write it as \"/^%s$/\" "
                   "if it is one",
                   value);
}

/* ---- selection ---- */

int filesystem_filter_init(struct filesystem_filter *filter,
                           const struct df_options *options,
                           struct error *error) {
  *filter = (struct filesystem_filter){.options = options};
  int code = ignorelist_init(&filter->devices, &options->devices, error);
  code = code != 0 ? code
                   : ignorelist_init(&filter->mount_points,
                                     &options->mount_points, error);
  code = code != 0
             ? code
             : ignorelist_init(&filter->fs_types, &options->fs_types, error);
  if (code != 0) {
    filesystem_filter_fini(filter);
  }
  return code;
}

void filesystem_filter_fini(struct filesystem_filter *filter) {
  ignorelist_fini(&filter->devices);
  ignorelist_fini(&filter->mount_points);
  ignorelist_fini(&filter->fs_types);
  *filter = (struct filesystem_filter){0};
}

/* True if the options include this mount by one of its names. */
static bool is_selected_by_name(const struct filesystem_filter *filter,
                                const struct stats_mount *mount) {
  return ignorelist_contains(&filter->devices, mount->device) ||
         ignorelist_contains(&filter->mount_points, mount->name) ||
         ignorelist_contains(&filter->fs_types, mount->type);
}

/* The root directory is reported whatever its type: a container's is an
 * overlay, a chroot's is in no list of mounts. */
static bool is_selected_mount(const struct filesystem_filter *filter,
                              const struct stats_mount *mount) {
  bool ignore = filter->options->ignore_selected;
  if (!ignorelist_selects(&filter->devices, mount->device, ignore) ||
      !ignorelist_selects(&filter->mount_points, mount->name, ignore) ||
      !ignorelist_selects(&filter->fs_types, mount->type, ignore)) {
    return false;
  }
  return !is_listed_type(pseudo_types, mount->type) ||
         strcmp(mount->name, "/") == 0 ||
         (!ignore && is_selected_by_name(filter, mount));
}

/* By mount point; of two with the same one the later hides the other and goes
 * first. The addresses show which is later: both are rows of one table. */
static int compare_mount_points(const void *a, const void *b) {
  const struct stats_mount *left = *(const struct stats_mount *const *)a;
  const struct stats_mount *right = *(const struct stats_mount *const *)b;
  int order = strcmp(left->name, right->name);
  return order != 0 ? order : left < right ? 1 : -1;
}

/* By device, the shortest path first: it is usually the best known one. */
static int compare_mount_devices(const void *a, const void *b) {
  const struct stats_mount *left = *(const struct stats_mount *const *)a;
  const struct stats_mount *right = *(const struct stats_mount *const *)b;
  int order = strcmp(left->device, right->device);
  size_t left_length = strlen(left->name);
  size_t right_length = strlen(right->name);
  if (order == 0 && left_length != right_length) {
    order = left_length < right_length ? -1 : 1;
  }
  return order != 0 ? order : strcmp(left->name, right->name);
}

/* Sorts the mounts and keeps the first of those with the same mount point; or,
 * BY_DEVICE, with the same real device: not "none" or "tmpfs". Returns their
 * number. */
static size_t remove_repeated_mounts(const struct stats_mount **mounts,
                                     size_t len, bool by_device) {
  size_t kept = 0;
  qsort(mounts, len, sizeof(mounts[0]),
        by_device ? compare_mount_devices : compare_mount_points);
  for (size_t i = 0; i < len; i++) {
    const struct stats_mount *mount = mounts[i];
    const struct stats_mount *last = kept == 0 ? NULL : mounts[kept - 1];
    bool is_same = last != NULL &&
                   (by_device ? mount->device[0] == '/' &&
                                    strcmp(mount->device, last->device) == 0
                              : strcmp(mount->name, last->name) == 0);
    if (!is_same) {
      mounts[kept++] = mount;
    }
  }
  return kept;
}

/* ---- names ---- */

/* For qsort(); the names are also looked up by bsearch() in filesystems.c. */
static int compare_item_names(const void *a, const void *b) {
  const struct filesystem *left = a;
  const struct filesystem *right = b;
  return strcmp(left->name, right->name);
}

/* Sorts the items by name. /a-b and /a/b are both named a-b: a hash is appended
 * to all such names but the first. From the last one on, so that each is
 * compared with a name that still is what it was. */
static void make_names_unique(struct filesystem *items, size_t len,
                              const struct stats_mount_table *table) {
  qsort(items, len, sizeof(items[0]), compare_item_names);
  for (size_t i = len; i-- > 1;) {
    if (strcmp(items[i].name, items[i - 1].name) == 0) {
      text_append_hash(items[i].name, sizeof(items[i].name),
                       table->rows[items[i].row].name);
    }
  }
  qsort(items, len, sizeof(items[0]), compare_item_names);
}

int filesystem_filter_list_selected(const struct filesystem_filter *filter,
                                    const struct stats_mount_table *table,
                                    struct filesystem **ret_items,
                                    size_t *ret_len, struct error *error) {
  bool has_names =
      !filter->options->ignore_selected &&
      filter->devices.len + filter->mount_points.len + filter->fs_types.len > 0;
  size_t len = table->len;
  const struct stats_mount **mounts = calloc(len + 1, sizeof(*mounts));
  struct filesystem *items = calloc(len + 1, sizeof(*items));
  if (mounts == NULL || items == NULL) {
    free(mounts);
    free(items);
    return error_set(error, -ENOMEM, "out of memory");
  }
  for (size_t i = 0; i < len; i++) {
    mounts[i] = &table->rows[i];
  }
  size_t visible = remove_repeated_mounts(mounts, len, false);
  len = 0;
  for (size_t i = 0; i < visible; i++) {
    if (is_selected_mount(filter, mounts[i])) {
      mounts[len++] = mounts[i];
    }
  }
  if (!has_names) {
    len = remove_repeated_mounts(mounts, len, true);
  }
  for (size_t i = 0; i < len; i++) {
    items[i].row = (size_t)(mounts[i] - table->rows);
    emitter_make_path_name(mounts[i]->name, items[i].name);
  }
  free(mounts);
  make_names_unique(items, len, table);
  *ret_items = items;
  *ret_len = len;
  return 0;
}
