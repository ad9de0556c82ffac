// Writes blocks that know where they belong, and reads them back: what fio's verify does, without
// fio. Every 512-byte sector carries its number, a seed and a generation, and bytes made of these.
//
//   block-verify DEVICE fill SEED               the whole device, then a flush
//   block-verify DEVICE check SEED              every sector is as fill left it
//   block-verify DEVICE mix SEED THREADS COUNT  COUNT random reads, writes, flushes and ranges of
//                                               zeroes for each thread, each read checked
//   block-verify DEVICE mix SEED THREADS 0      the same until SIGTERM
//
// Prints what was done; exit status 1 if a sector is wrong, 2 if a call fails.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SECTOR = 512, MOST = 256 };

static int device;
static uint64_t seed;
static long operations;
static atomic_int ending;
static atomic_ullong wrong, done;

static void die(const char *what) {
    printf("block-verify: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Generation 0 is zeroes.
static void stamp(uint64_t *words, uint64_t sector, uint64_t generation) {
    if (generation == 0) {
        memset(words, 0, SECTOR);
        return;
    }
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15 + sector * 0xff51afd7ed558ccd + generation;
    words[0] = sector;
    words[1] = generation;
    for (int word = 2; word < SECTOR / 8; word++) words[word] = next(&state);
}

static void verify(const uint64_t *words, uint64_t sector, uint64_t generation) {
    uint64_t expected[SECTOR / 8];
    stamp(expected, sector, generation);
    if (memcmp(words, expected, SECTOR) == 0) return;
    if (atomic_fetch_add(&wrong, 1) < 3) {
        printf(
            "block-verify: sector %llu: expected generation %llu, found %llu of sector %llu\n",
            (unsigned long long)sector, (unsigned long long)generation,
            (unsigned long long)words[1], (unsigned long long)words[0]);
    }
}

struct worker {
    pthread_t thread;
    char command;
    uint64_t first, count, state;
    uint64_t *generations;
    uint64_t *buffer;
};

static void transfer(struct worker *self, int writes, uint64_t start, uint64_t sectors) {
    uint64_t bytes = sectors * SECTOR, offset = start * SECTOR;
    ssize_t moved = writes ? pwrite(device, self->buffer, bytes, (off_t)offset)
                           : pread(device, self->buffer, bytes, (off_t)offset);
    if (moved != (ssize_t)bytes) die(writes ? "write" : "read");
    atomic_fetch_add(&done, 1);
}

static void whole(struct worker *self) {
    for (uint64_t place = 0; place < self->count; place += MOST) {
        uint64_t sectors = self->count - place < MOST ? self->count - place : MOST;
        uint64_t start = self->first + place;
        for (uint64_t each = 0; self->command == 'f' && each < sectors; each++) {
            stamp(self->buffer + each * (SECTOR / 8), start + each, 1);
        }
        transfer(self, self->command == 'f', start, sectors);
        for (uint64_t each = 0; self->command == 'c' && each < sectors; each++) {
            verify(self->buffer + each * (SECTOR / 8), start + each, 1);
        }
    }
}

static void zeroes(struct worker *self, uint64_t start, uint64_t sectors) {
    uint64_t range[2] = {start * SECTOR, sectors * SECTOR};
    if (ioctl(device, BLKZEROOUT, range) < 0) die("zero out");
    for (uint64_t each = 0; each < sectors; each++) {
        self->generations[start - self->first + each] = 0;
    }
    atomic_fetch_add(&done, 1);
}

static void mix(struct worker *self) {
    for (long step = 0; (operations == 0 || step < operations) && !ending; step++) {
        uint64_t dice = next(&self->state) % 100;
        uint64_t sectors = 1 + next(&self->state) % (MOST / 4);
        uint64_t place = next(&self->state) % (self->count - sectors);
        uint64_t start = self->first + place;
        if (dice < 2) {
            if (fdatasync(device) < 0) die("flush");
        } else if (dice < 5) {
            zeroes(self, start, sectors);
        } else if (dice < 50) {
            for (uint64_t each = 0; each < sectors; each++) {
                uint64_t generation = self->generations[place + each] + 2;
                self->generations[place + each] = generation;
                stamp(self->buffer + each * (SECTOR / 8), start + each, generation);
            }
            transfer(self, 1, start, sectors);
        } else {
            transfer(self, 0, start, sectors);
            for (uint64_t each = 0; each < sectors; each++) {
                verify(
                    self->buffer + each * (SECTOR / 8), start + each,
                    self->generations[place + each]);
            }
        }
    }
}

static void *work(void *argument) {
    struct worker *self = argument;
    if (posix_memalign((void **)&self->buffer, 4096, MOST * SECTOR) != 0) die("memory");
    if (self->command != 'm') {
        whole(self);
        return NULL;
    }
    self->generations = calloc(self->count, sizeof *self->generations);
    if (self->generations == NULL) die("memory");
    // What is there is not known: it becomes zeroes first.
    for (uint64_t place = 0; place < self->count; place += 1 << 16) {
        uint64_t sectors = self->count - place < 1 << 16 ? self->count - place : 1 << 16;
        zeroes(self, self->first + place, sectors);
    }
    mix(self);
    return NULL;
}

static void end(int number) {
    (void)number;
    ending = 1;
}

int main(int count, char **words) {
    if (count < 4) return 2;
    int threads = count > 4 ? atoi(words[4]) : 4;
    operations = count > 5 ? atol(words[5]) : 0;
    seed = strtoull(words[3], NULL, 10);
    signal(SIGTERM, end);
    setvbuf(stdout, NULL, _IOLBF, 0);
    device = open(words[1], (words[2][0] == 'c' ? O_RDONLY : O_RDWR) | O_DIRECT);
    if (device < 0) die(words[1]);
    uint64_t bytes;
    if (ioctl(device, BLKGETSIZE64, &bytes) < 0) die("size");
    if (threads < 1 || threads > 64) return 2;
    struct worker workers[64] = {0};
    uint64_t sectors = bytes / SECTOR, each = sectors / (uint64_t)threads;
    for (int number = 0; number < threads; number++) {
        struct worker *self = &workers[number];
        self->command = words[2][0];
        self->first = each * (uint64_t)number;
        self->count = number == threads - 1 ? sectors - self->first : each;
        self->state = (seed + 1) * 0x9e3779b97f4a7c15 + (uint64_t)number;
        if (pthread_create(&self->thread, NULL, work, self) != 0) die("thread");
    }
    for (int number = 0; number < threads; number++) pthread_join(workers[number].thread, NULL);
    if (words[2][0] != 'c' && fsync(device) < 0) die("flush");
    printf(
        "CARILLON %s sectors=%llu requests=%llu wrong=%llu\n", words[2],
        (unsigned long long)sectors, (unsigned long long)done, (unsigned long long)wrong);
    return wrong == 0 ? 0 : 1;
}
