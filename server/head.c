/* SPDX-License-Identifier: Apache-2.0 */
#include "server/head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "proto/base/crc32c.h"
#include "proto/base/reader.h"
#include "proto/base/writer.h"

enum { SLOTS = 2, SLOT_GAP = 4096, SLOT_SIZE = 76, CRC_AT = 72, WHY = 256 };
static const char MAGIC[] = "HLVHEAD1";

static bool decode(const uint8_t octets[SLOT_SIZE], uint64_t *generation, struct head *h)
{
	if (memcmp(octets, MAGIC, 8) != 0 ||
	    hlv_load_u32(octets + CRC_AT) != hlv_crc32c(0, hlv_bytes(octets, CRC_AT)))
		return false;
	*generation = hlv_load_u64(octets + 8);
	h->seq = hlv_load_u64(octets + 16);
	memcpy(h->epoch, octets + 24, HEAD_EPOCH);
	memcpy(h->hash, octets + 40, HEAD_HASH);
	return true;
}

static void encode(uint8_t octets[SLOT_SIZE], uint64_t generation, const struct head *h)
{
	memcpy(octets, MAGIC, 8);
	hlv_store_u64(octets + 8, generation);
	hlv_store_u64(octets + 16, h->seq);
	memcpy(octets + 24, h->epoch, HEAD_EPOCH);
	memcpy(octets + 40, h->hash, HEAD_HASH);
	hlv_store_u32(octets + CRC_AT, hlv_crc32c(0, hlv_bytes(octets, CRC_AT)));
}

static bool is_blank(const uint8_t octets[SLOT_SIZE])
{
	static const uint8_t zeros[SLOT_SIZE];
	return memcmp(octets, zeros, SLOT_SIZE) == 0;
}

/* The newest of the slots that can be read. A damaged one beside it may have been the newer: then
 * the guard is one change behind, which it may be. */
static enum head_verdict read_slots(struct head_file *f, struct head *newest)
{
	enum head_verdict found = HEAD_NONE;
	for (int i = 0; i < SLOTS; i++) {
		uint8_t octets[SLOT_SIZE] = {0};
		uint64_t generation;
		struct head h;
		ssize_t n = pread(f->fd, octets, sizeof octets, (off_t)i * SLOT_GAP);
		if (n >= 0 && is_blank(octets))
			continue;
		if (n < 0 || !decode(octets, &generation, &h)) {
			found = found == HEAD_NONE ? HEAD_DAMAGED : found;
			continue;
		}
		if (found != HEAD_FITS || generation > f->generation) {
			f->generation = generation;
			*newest = h;
		}
		found = HEAD_FITS;
	}
	return found;
}

static void head_path(const char *dir, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/head", dir);
}

enum hlv_err head_open(const char *dir, struct head_file *f, enum head_verdict *found,
		       struct head *newest)
{
	char path[PATH_MAX];
	head_path(dir, path);
	*f = (struct head_file){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)};
	if (f->fd < 0)
		return errno == ENOSPC || errno == EDQUOT ? HLV_E_FULL : HLV_E_IO;
	*found = read_slots(f, newest);
	return HLV_OK;
}

enum hlv_err head_put(struct head_file *f, const struct head *h)
{
	uint8_t octets[SLOT_SIZE];
	encode(octets, f->generation + 1, h);
	off_t at = (off_t)((f->generation + 1) % SLOTS) * SLOT_GAP;
	ssize_t n = pwrite(f->fd, octets, sizeof octets, at);
	if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return HLV_E_FULL;
	if (n != (ssize_t)sizeof octets)
		return HLV_E_IO;
	f->generation++;
	f->dirty = true;
	return HLV_OK;
}

enum hlv_err head_sync(struct head_file *f)
{
	if (!f->dirty)
		return HLV_OK;
	if (fdatasync(f->fd) != 0)
		return HLV_E_IO;
	f->dirty = false;
	return HLV_OK;
}

void head_close(struct head_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

enum head_verdict head_check(enum head_verdict found, const struct head *newest,
			     const struct head *registry)
{
	static const uint8_t unknown[HEAD_HASH];
	if (found != HEAD_FITS)
		return found;
	if (memcmp(newest->epoch, registry->epoch, HEAD_EPOCH) != 0)
		return HEAD_NONE;
	if (newest->seq > registry->seq)
		return HEAD_VANISHED;
	bool known = memcmp(newest->hash, unknown, HEAD_HASH) != 0 &&
		     memcmp(registry->hash, unknown, HEAD_HASH) != 0;
	if (newest->seq == registry->seq && known &&
	    memcmp(newest->hash, registry->hash, HEAD_HASH) != 0)
		return HEAD_DIFFERS;
	return HEAD_FITS;
}

void head_text(enum head_verdict verdict, const struct head *newest,
	       const struct head *registry, char *why)
{
	*why = '\0';
	switch (verdict) {
	case HEAD_FITS:
	case HEAD_NONE:
		return;
	case HEAD_DAMAGED:
		snprintf(why, WHY,
			 "the file 'head' beside the registry cannot be read: whether a change "
			 "is missing is not known; look at the disk, then helvectl verify");
		return;
	case HEAD_VANISHED:
		snprintf(why, WHY,
			 "%" PRIu64 " acknowledged changes are missing: the registry ends at "
			 "place %" PRIu64 ", %" PRIu64
			 " was acknowledged; restore a backup, or "
			 "remove the file 'head' to go on without them",
			 newest->seq - registry->seq, registry->seq, newest->seq);
		return;
	case HEAD_DIFFERS:
		snprintf(why, WHY,
			 "the registry is not what it was when place %" PRIu64
			 " was acknowledged; helvectl verify, then restore a backup, or remove "
			 "the "
			 "file 'head' to go on with what is there",
			 registry->seq);
		return;
	}
}

enum hlv_err head_forget(const char *dir)
{
	char path[PATH_MAX];
	head_path(dir, path);
	return unlink(path) == 0 || errno == ENOENT ? HLV_OK : HLV_E_IO;
}
