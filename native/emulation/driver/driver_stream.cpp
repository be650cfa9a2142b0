// Exported: streams, events, graphs.
#include "device.h"

using namespace ddoq::emulation;

DDOQ_EXPORT CUresult cuStreamCreate(CUstream* stream, unsigned) {
    return guarded_in_context("cuStreamCreate", [&](Device& device) {
        *stream = new CUstream_st{};
        (*stream)->context = Device::current();
        device.streams.insert(*stream);
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
    return guarded_in_context("cuStreamDestroy_v2", [&](Device& device) {
        if (stream == nullptr || !device.knows(stream))
            return CUDA_ERROR_INVALID_HANDLE;
        const CUresult done = device.synchronize(stream);
        device.streams.erase(stream);
        delete stream;
        return done;
    });
}

DDOQ_EXPORT CUresult cuStreamSynchronize(CUstream stream) {
    return guarded_in_context("cuStreamSynchronize", [&](Device& device) {
        if (!device.owns(stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (stream != nullptr && stream->capturing)
            return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        return device.synchronize(stream);
    });
}

DDOQ_EXPORT CUresult cuStreamQuery(CUstream stream) {
    return guarded_in_context("cuStreamQuery", [&](Device& device) {
        if (!device.owns(stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (stream == nullptr || stream->queue.empty())
            return CUDA_SUCCESS;
        device.advance();
        return device.sticky != CUDA_SUCCESS ? device.sticky : CUDA_ERROR_NOT_READY;
    });
}

DDOQ_EXPORT CUresult cuEventCreate(CUevent* event, unsigned) {
    return guarded_in_context("cuEventCreate", [&](Device& device) {
        *event = new CUevent_st{};
        (*event)->context = Device::current();
        device.events.insert(*event);
        return CUDA_SUCCESS;
    });
}

// As on a device, an event that is still to be reached stays usable by what waits for it: the work is done first.
DDOQ_EXPORT CUresult cuEventDestroy_v2(CUevent event) {
    return guarded_in_context("cuEventDestroy_v2", [&](Device& device) {
        if (device.events.count(event) == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        const CUresult done = device.synchronize_all();
        device.events.erase(event);
        delete event;
        return done;
    });
}

DDOQ_EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) {
    return guarded_in_context("cuEventRecord", [&](Device& device) {
        if (device.events.count(event) == 0 || !device.owns(stream))
            return CUDA_ERROR_INVALID_HANDLE;
        const uint64_t number = ++event->recorded;
        return device.enqueue(stream, {[&device, event, number] {
                                           event->completed = number > event->completed ? number : event->completed;
                                           event->time = device.operations_done();
                                           return CUDA_SUCCESS;
                                       },
                                       {}});
    });
}

DDOQ_EXPORT CUresult cuEventSynchronize(CUevent event) {
    return guarded_in_context("cuEventSynchronize", [&](Device& device) {
        if (device.events.count(event) == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        const uint64_t number = event->recorded;
        return device.work_until([&] { return event->completed >= number; });
    });
}

DDOQ_EXPORT CUresult cuEventQuery(CUevent event) {
    return guarded_in_context("cuEventQuery", [&](Device& device) {
        if (device.events.count(event) == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        if (event->completed >= event->recorded)
            return CUDA_SUCCESS;
        device.advance();
        return device.sticky != CUDA_SUCCESS ? device.sticky : CUDA_ERROR_NOT_READY;
    });
}

// One millisecond per operation: an order, not a speed.
DDOQ_EXPORT CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
    return guarded_in_context("cuEventElapsedTime", [&](Device& device) {
        if (device.events.count(start) == 0 || device.events.count(end) == 0 || start->recorded == 0 ||
            end->recorded == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        if (start->completed < start->recorded || end->completed < end->recorded)
            return CUDA_ERROR_NOT_READY;
        *milliseconds = static_cast<float>(static_cast<double>(end->time) - static_cast<double>(start->time));
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
    return guarded_in_context("cuStreamWaitEvent", [&](Device& device) {
        if (device.events.count(event) == 0 || !device.owns(stream))
            return CUDA_ERROR_INVALID_HANDLE;
        const uint64_t number = event->recorded; // the latest record so far; a later one is not waited for
        return device.enqueue(stream, {{}, [event, number] { return event->completed >= number; }});
    });
}

DDOQ_EXPORT CUresult cuStreamBeginCapture_v2(CUstream stream, int) {
    return guarded_in_context("cuStreamBeginCapture_v2", [&](Device& device) {
        if (stream == nullptr)
            return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        if (!device.owns(stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (stream->capturing)
            return CUDA_ERROR_INVALID_VALUE;
        stream->capturing = true;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
    return guarded_in_context("cuStreamEndCapture", [&](Device& device) {
        if (!device.owns(stream) || stream == nullptr)
            return CUDA_ERROR_INVALID_HANDLE;
        if (!stream->capturing)
            return CUDA_ERROR_INVALID_VALUE;
        stream->capturing = false;
        *graph = new CUgraph_st{std::move(stream->captured)};
        stream->captured.clear();
        device.graphs.insert(*graph);
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph, unsigned long long) {
    return guarded_in_context("cuGraphInstantiateWithFlags", [&](Device& device) {
        if (device.graphs.count(graph) == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        *executable = new CUgraphExec_st{Device::current(), graph->operations};
        device.executables.insert(*executable);
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
    return guarded_in_context("cuGraphLaunch", [&](Device& device) {
        if (device.executables.count(executable) == 0 || !device.owns(stream))
            return CUDA_ERROR_INVALID_HANDLE;
        for (const Operation& operation : executable->operations) {
            const CUresult enqueued = device.enqueue(stream, operation);
            if (enqueued != CUDA_SUCCESS)
                return enqueued;
        }
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuGraphExecDestroy(CUgraphExec executable) {
    return guarded_in_context("cuGraphExecDestroy", [&](Device& device) {
        if (device.executables.erase(executable) == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        delete executable;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuGraphDestroy(CUgraph graph) {
    return guarded_in_context("cuGraphDestroy", [&](Device& device) {
        if (device.graphs.erase(graph) == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        delete graph;
        return CUDA_SUCCESS;
    });
}
