import type { TaskEvent } from "@valet/contracts";
import { systemClock } from "@valet/shared";
import { useEffect, useRef, useState } from "react";
import { useApp } from "../app-context.tsx";
import { followTaskEvents, mergeEvents, type StreamState } from "./task-event-stream.ts";

/** The events of a task as they come, oldest first. */
export function useTaskEvents(taskId: string, isOver: boolean) {
  const { api } = useApp();
  const [events, setEvents] = useState<TaskEvent[]>([]);
  const [stream, setStream] = useState<StreamState>({ phase: "live" });
  const over = useRef(isOver);
  useEffect(() => {
    over.current = isOver;
  }, [isOver]);
  useEffect(() => {
    const leaving = new AbortController();
    const deps = {
      api,
      clock: systemClock,
      random: Math.random,
      isOver: () => over.current,
      onEvents: (more: TaskEvent[]) => setEvents((before) => mergeEvents(before, more)),
      onState: setStream,
    };
    void followTaskEvents(deps, taskId, leaving.signal);
    return () => leaving.abort(new Error("the page was left"));
  }, [api, taskId]);
  return { events, stream };
}
