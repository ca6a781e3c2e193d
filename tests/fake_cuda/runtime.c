/* Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
   A CUDA runtime that has one card and computes nothing: what libc10_cuda needs to start up.
   Built and preloaded by tests/fake_cuda/build.py; fake tensors only. */
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#undef cudaGetDeviceProperties
#undef cudaStreamGetCaptureInfo

static int capability(void) {  /* 90 is compute capability 9.0 */
  const char *text = getenv("FAKE_CUDA_SM");
  return text ? atoi(text) : 90;
}

static cudaError_t refuse(const char *what) {
  fprintf(stderr, "fake CUDA: %s was called, so something real is on the card\n", what);
  return cudaErrorMemoryAllocation;
}

#define NOTHING(name, ...) cudaError_t name(__VA_ARGS__) { return cudaSuccess; }
#define HANDLE(name, type, ...) \
  cudaError_t name(type *handle, ##__VA_ARGS__) { *handle = (type)malloc(64); return cudaSuccess; }
#define NUMBER(name, value) cudaError_t name(int *out) { *out = (value); return cudaSuccess; }

NUMBER(cudaGetDeviceCount, 1)
NUMBER(cudaGetDevice, 0)
NUMBER(cudaDriverGetVersion, 13000)
NUMBER(cudaRuntimeGetVersion, 13000)

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device) {
  memset(p, 0, sizeof *p);
  strcpy(p->name, "fake");
  p->major = capability() / 10;
  p->minor = capability() % 10;
  p->totalGlobalMem = 80ull << 30;
  p->multiProcessorCount = 132;
  p->warpSize = 32;
  p->maxThreadsPerBlock = p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
  p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = 2147483647;
  p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->maxThreadsPerMultiProcessor = 2048;
  p->regsPerBlock = p->regsPerMultiprocessor = 65536;
  p->sharedMemPerBlock = 49152;
  p->sharedMemPerBlockOptin = p->sharedMemPerMultiprocessor = 232448;
  p->l2CacheSize = 50 << 20;
  p->unifiedAddressing = p->managedMemory = p->concurrentKernels = 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *out, enum cudaDeviceAttr attribute, int device) {
  *out = attribute == cudaDevAttrComputeCapabilityMajor ? capability() / 10
       : attribute == cudaDevAttrComputeCapabilityMinor ? capability() % 10
       : attribute == cudaDevAttrMultiProcessorCount ? 132
       : attribute == cudaDevAttrMaxThreadsPerBlock ? 1024
       : attribute == cudaDevAttrWarpSize ? 32 : 0;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceFlags(unsigned *flags) { *flags = 0; return cudaSuccess; }
cudaError_t cudaDeviceCanAccessPeer(int *can, int a, int b) { *can = 0; return cudaSuccess; }
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
cudaError_t cudaStreamGetPriority(cudaStream_t s, int *priority) {
  *priority = 0;
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t s, enum cudaStreamCaptureStatus *status) {
  *status = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
cudaError_t cudaStreamGetCaptureInfo(
    cudaStream_t s, enum cudaStreamCaptureStatus *status, unsigned long long *id, cudaGraph_t *graph,
    const cudaGraphNode_t **nodes, const cudaGraphEdgeData **edges, size_t *count) {
  *status = cudaStreamCaptureStatusNone;
  if (id) *id = 0;
  if (count) *count = 0;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
  *free = *total = 80ull << 30;
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t a, cudaEvent_t b) {
  *ms = 1;
  return cudaSuccess;
}

HANDLE(cudaStreamCreate, cudaStream_t)
HANDLE(cudaStreamCreateWithFlags, cudaStream_t, unsigned flags)
HANDLE(cudaStreamCreateWithPriority, cudaStream_t, unsigned flags, int priority)
HANDLE(cudaEventCreate, cudaEvent_t)
HANDLE(cudaEventCreateWithFlags, cudaEvent_t, unsigned flags)

NOTHING(cudaSetDevice, int device)
NOTHING(cudaSetDeviceFlags, unsigned flags)
NOTHING(cudaDeviceEnablePeerAccess, int a, unsigned flags)
NOTHING(cudaDeviceSynchronize, void)
NOTHING(cudaStreamDestroy, cudaStream_t s)
NOTHING(cudaStreamQuery, cudaStream_t s)
NOTHING(cudaStreamSynchronize, cudaStream_t s)
NOTHING(cudaStreamWaitEvent, cudaStream_t s, cudaEvent_t e, unsigned flags)
NOTHING(cudaThreadExchangeStreamCaptureMode, enum cudaStreamCaptureMode *mode)
NOTHING(cudaEventDestroy, cudaEvent_t e)
NOTHING(cudaEventRecord, cudaEvent_t e, cudaStream_t s)
NOTHING(cudaEventRecordWithFlags, cudaEvent_t e, cudaStream_t s, unsigned flags)
NOTHING(cudaEventQuery, cudaEvent_t e)
NOTHING(cudaEventSynchronize, cudaEvent_t e)
NOTHING(cudaGetLastError, void)
NOTHING(cudaPeekAtLastError, void)
NOTHING(cudaFree, void *p)
NOTHING(cudaFreeAsync, void *p, cudaStream_t s)

cudaError_t cudaMalloc(void **p, size_t bytes) { return refuse("cudaMalloc"); }
cudaError_t cudaMallocAsync(void **p, size_t bytes, cudaStream_t s) {
  return refuse("cudaMallocAsync");
}
cudaError_t cudaLaunchKernel(
    const void *f, dim3 grid, dim3 block, void **args, size_t shared, cudaStream_t s) {
  return refuse("cudaLaunchKernel");
}
