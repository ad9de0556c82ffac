/// What the measured paths are compared with, and what is counted beside them.
///
/// Every function answers 0 or a positive result, or -errno. There is one floor a process.
#ifndef CARILLON_FLOOR_H
#define CARILLON_FLOOR_H

#include <stdint.h>

// MARK: A server that does nothing

/// Starts a thread, on `processor` unless that is negative, that answers each message with a reply
/// of fixed bytes: one blocking recvmsg with room for descriptors and one sendmsg a message. Of a
/// message it reads only the size and No_reply; one that wants no reply it drops. Connects to it
/// over a Unix stream socket.
int floor_start(int processor);
/// Sends a request of the size of REGION_READ and waits for the reply to a read of 4 bytes.
int floor_round_trip(void);
/// Has the thread poll instead of sleep, from its next message on.
void floor_poll(int enable);
/// Sends `count` messages of the size and flags of a posted REGION_WRITE of 4 bytes by one send.
int floor_post(int count);
/// Ends the thread.
void floor_stop(void);

// MARK: Eventfds

/// Makes the eventfd of `floor_signal`.
int floor_eventfd(void);
/// Writes to the eventfd so many times, and nothing else.
int floor_signal(uint64_t times);

// MARK: Memory

/// Copies `size` bytes, at most 4 MiB, so many times.
int floor_copy(uint64_t size, uint64_t times);
/// Takes the CRC-32C of `size` bytes so many times, by the processor's instruction for it; -ENOSYS
/// on one that has none.
int floor_crc32c(uint64_t size, uint64_t times);

// MARK: A machine

/// Makes a machine of KVM's, one processor that listens and does not run, and `count` eventfds, at
/// most 2048.
int floor_kvm_start(int count);
/// Gives the first `count` eventfds a route each and attaches them, one after the other: a whole
/// table is handed over for each.
int floor_kvm_unmask(int count);
/// Has the kernel let go of them, one after the other.
int floor_kvm_mask(int count);
/// Writes to the first eventfd so many times; its vector is 0x20.
int floor_kvm_signal(uint64_t times);
/// Sends a message of `data` so many times, without a route.
int floor_kvm_message(uint32_t data, uint64_t times);
/// Whether `vector` waits at the processor; empties all of them.
int floor_kvm_requested(int vector);
void floor_kvm_stop(void);

// MARK: Processors

/// The processors that this thread may run on.
int floor_processors(void);
/// Has this thread run on the processor of that rank among those it may run on, or on any of them
/// again if `rank` is negative. Threads that it starts inherit this.
int floor_pin(int rank);
/// Keeps the processors of the first `ranks` ranks from halting, by threads that run only while
/// nothing else wants to: how long it takes to wake a halted processor of a virtual machine differs
/// from one minute to the next, and is more than all the rest of a round trip.
int floor_stay_awake(int ranks);
void floor_may_sleep(void);

// MARK: Counting

/// Begins to count what the threads of this process do; the calling thread counts as the client.
void floor_count_begin(void);
void floor_count_end(void);
/// Allocations on the heap by the client (or else by all other threads) while counting.
uint64_t floor_allocations(int by_client);
/// System calls for sockets and epoll, likewise.
uint64_t floor_system_calls(int by_client);

#endif
