/**
 * disk_format: is a disk's file raw, or a container whose bytes a guest must not see as its disk?
 *
 * Known by their first bytes: qcow2, vmdk, vhdx, vdi. Raw is what is none of them.
 * Threads: any.
 */
#ifndef WEFT_LIB_DISK_FORMAT_H
#define WEFT_LIB_DISK_FORMAT_H

/** Name of the container that the file holds, static; NULL: it is raw, or cannot be read. */
const char *disk_format_find(int fd);

#endif
