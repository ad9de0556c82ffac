#define _GNU_SOURCE
#include "CFloor.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_BYTES = 4 << 20 };

/* Two areas, so that what is written is not what is read, in memory as a guest's is: a file's. */
static unsigned char *areas(uint64_t size)
{
    static unsigned char *memory;
    if (size > MOST_BYTES)
        return NULL;
    if (memory == NULL) {
        int file = memfd_create("floor", MFD_CLOEXEC);
        if (file < 0 || ftruncate(file, 2 * MOST_BYTES) != 0)
            return NULL;
        void *made = mmap(NULL, 2 * MOST_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
        if (made == MAP_FAILED)
            return NULL;
        memory = memset(made, 0x5a, 2 * MOST_BYTES);
    }
    return memory;
}

int floor_copy(uint64_t size, uint64_t times)
{
    unsigned char *memory = areas(size);
    if (memory == NULL)
        return -ENOMEM;
    for (uint64_t i = 0; i < times; i++) {
        memcpy(memory + MOST_BYTES, memory, size);
        __asm__ volatile("" : : "r"(memory) : "memory");
    }
    return 0;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint64_t crc32c(const unsigned char *bytes, uint64_t size)
{
    uint64_t state = 0xffffffff, word;
    for (; size >= 8; size -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        state = __builtin_ia32_crc32di(state, word);
    }
    for (; size > 0; size--, bytes++)
        state = __builtin_ia32_crc32qi((unsigned int)state, *bytes);
    return ~state & 0xffffffff;
}
#endif

int floor_crc32c(uint64_t size, uint64_t times)
{
#ifdef __x86_64__
    unsigned char *memory = areas(size);
    if (memory == NULL)
        return -ENOMEM;
    if (!__builtin_cpu_supports("sse4.2"))
        return -ENOSYS;
    volatile uint64_t sink = 0;
    for (uint64_t i = 0; i < times; i++) {
        __asm__ volatile("" : : "r"(memory) : "memory");
        sink += crc32c(memory, size);
    }
    return 0;
#else
    (void)size, (void)times;
    return -ENOSYS;
#endif
}
