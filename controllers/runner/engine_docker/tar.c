#include "controllers/runner/engine_docker/tar.h"

#include <stdio.h>

static const char zeros[1024];
static const char magic[8] = {'u', 's', 't', 'a', 'r', 0, '0', '0'}; /* POSIX: format and version */

void tar_add(struct str *tar, const char *name, const void *data, size_t len)
{
	char h[512] = {0};
	(void)snprintf(h, 100, "%s", name);
	(void)snprintf(h + 100, 8, "%07o", 0755U);
	(void)snprintf(h + 108, 8, "%07o", 0U);
	(void)snprintf(h + 116, 8, "%07o", 0U);
	(void)snprintf(h + 124, 12, "%011zo", len);
	(void)snprintf(h + 136, 12, "%011o", 0U);
	memset(h + 148, ' ', 8);
	h[156] = '0';
	memcpy(h + 257, magic, sizeof(magic));
	unsigned sum = 0;
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	(void)snprintf(h + 148, 8, "%06o", sum);
	str_add(tar, h, sizeof(h));
	str_add(tar, data, len);
	str_add(tar, zeros, (512 - len % 512) % 512);
}

void tar_end(struct str *tar)
{
	str_add(tar, zeros, sizeof(zeros));
}
