/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/roots.h"

#include <errno.h>
#include <unistd.h>

#include "mailbox/folder.h"

void roots_init(struct roots *r) { r->count = 0; }

static void root_free(struct root *root)
{
	if (root->fd >= 0) (void)close(root->fd);
	buf_free(&root->path);
}

void roots_free(struct roots *r)
{
	for (size_t i = 0; i < r->count; i++) root_free(&r->list[i]);
	r->count = 0;
}

void roots_begin(struct roots *r)
{
	for (size_t i = 0; i < r->count; i++) r->list[i].used = false;
}

void roots_end(struct roots *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->count; i++) {
		if (r->list[i].used) r->list[kept++] = r->list[i];
		else root_free(&r->list[i]);
	}
	r->count = kept;
}

static ptrdiff_t find(const struct roots *r, struct str template)
{
	char memory[TARGET_TEMPLATE_MAX];
	struct buf path;
	buf_init_fixed(&path, memory, sizeof memory);
	target_prefix_write(&path, template);
	for (size_t i = 0; i < r->count; i++)
		if (str_eq(buf_view(&r->list[i].path), buf_view(&path)))
			return (ptrdiff_t)i;
	return -1;
}

int roots_add(struct roots *r, struct str template, uid_t owner, gid_t group)
{
	if (target_template_check(template)) return -EINVAL;
	ptrdiff_t at = find(r, template);
	struct root *root = at >= 0 ? &r->list[at] : &r->list[r->count];
	if (at < 0) {
		if (r->count == ROOTS_MAX) return -ENOSPC;
		buf_init(&root->path, TARGET_TEMPLATE_MAX);
		target_prefix_write(&root->path, template);
		if (root->path.overflowed) return -ENOMEM;
		root->fd = -ENOENT;
		r->count++;
	}
	root->used = true;
	if (root->fd < 0)
		root->fd = folder_prefix_open(buf_view(&root->path), owner, group);
	return root->fd < 0 ? root->fd : 0;
}

const struct root *roots_find(const struct roots *r, struct str template)
{
	if (target_template_check(template)) return NULL;
	ptrdiff_t at = find(r, template);
	return at < 0 ? NULL : &r->list[at];
}
