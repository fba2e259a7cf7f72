/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/window.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum { WINDOW_SIZE_MAX = 1 << 30 };

struct window {
	char *at;
	size_t size;
	int fd;
	/* Owner only. Blocks are given out last in, first out, so that a quiet owner
	 * touches few pages. */
	uint32_t *free_blocks;
	size_t free_count;
	bool *taken;
};

static struct window *window_failed(struct window *w, int error)
{
	window_free(w);
	errno = error;
	return NULL;
}

static struct window *window_alloc(size_t size)
{
	struct window *w = calloc(1, sizeof *w);
	if (!w) return NULL;
	w->at = MAP_FAILED;
	w->fd = -1;
	w->size = size;
	return w;
}

static bool window_map_memory(struct window *w, int protection)
{
	w->at = mmap(NULL, w->size, protection, MAP_SHARED, w->fd, 0);
	return w->at != MAP_FAILED;
}

struct window *window_new(size_t size)
{
	size_t blocks = (size + WINDOW_BLOCK - 1) / WINDOW_BLOCK;
	if (size == 0 || size > WINDOW_SIZE_MAX) {
		errno = EINVAL;
		return NULL;
	}
	struct window *w = window_alloc(blocks * WINDOW_BLOCK);
	if (!w) return NULL;
	w->free_blocks = calloc(blocks, sizeof *w->free_blocks);
	w->taken = calloc(blocks, sizeof *w->taken);
	w->fd = memfd_create("ims-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (!w->free_blocks || !w->taken || w->fd < 0 ||
	    ftruncate(w->fd, (off_t)w->size) != 0 ||
	    !window_map_memory(w, PROT_READ | PROT_WRITE))
		return window_failed(w, errno ? errno : ENOMEM);
	/* The reader may rely on the size, and can never write. Kernels before 5.1 know
	 * no seal against future writes; there the reader's own read-only map must do. */
	(void)fcntl(w->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	if (fcntl(w->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return window_failed(w, errno);
	for (size_t i = blocks; i-- > 0;) w->free_blocks[w->free_count++] = (uint32_t)i;
	return w;
}

int window_fd(const struct window *w) { return w->fd; }

int64_t window_take(struct window *w)
{
	if (w->free_count == 0) return -1;
	uint32_t block = w->free_blocks[--w->free_count];
	w->taken[block] = true;
	return (int64_t)block * WINDOW_BLOCK;
}

void window_give(struct window *w, uint32_t offset)
{
	uint32_t block = offset / WINDOW_BLOCK;
	assert(offset % WINDOW_BLOCK == 0 && offset < w->size && w->taken[block]);
	w->taken[block] = false;
	w->free_blocks[w->free_count++] = block;
}

size_t window_free_blocks(const struct window *w) { return w->free_count; }

static bool window_has(const struct window *w, struct window_range r)
{
	return r.offset <= w->size && r.len <= w->size - r.offset;
}

void *window_at(const struct window *w, struct window_range r)
{
	return window_has(w, r) ? w->at + r.offset : NULL;
}

struct window *window_map(int fd)
{
	const int needed = F_SEAL_SHRINK | F_SEAL_GROW;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & needed) != needed || fstat(fd, &st) != 0 ||
	    st.st_size <= 0 || st.st_size > WINDOW_SIZE_MAX) {
		(void)close(fd);
		errno = EINVAL;
		return NULL;
	}
	struct window *w = window_alloc((size_t)st.st_size);
	if (!w) {
		(void)close(fd);
		errno = ENOMEM;
		return NULL;
	}
	w->fd = fd;
	return window_map_memory(w, PROT_READ) ? w : window_failed(w, errno);
}

void window_free(struct window *w)
{
	if (!w) return;
	if (w->at != MAP_FAILED) (void)munmap(w->at, w->size);
	if (w->fd >= 0) (void)close(w->fd);
	free(w->free_blocks);
	free(w->taken);
	free(w);
}

void window_ranges_put(struct buf *b, const struct window_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_put_u32(b, ranges[i].offset);
		buf_put_u32(b, ranges[i].len);
	}
}

int window_ranges_get(const struct window *w, struct str field, struct window_range *out,
		      size_t ranges_max)
{
	struct cur c = cur_of(field);
	size_t count = field.len / 8;
	if (field.len % 8 != 0 || count > ranges_max || count > INT32_MAX) return -1;
	for (size_t i = 0; i < count; i++) {
		out[i].offset = cur_u32(&c);
		out[i].len = cur_u32(&c);
		if (!window_has(w, out[i])) return -1;
	}
	return (int)count;
}
