import type { Finding } from '@framelock/server/protocol';
import { computed, onScopeDispose, ref, shallowRef } from 'vue';
import { openDoctorSession, readDoctorReport } from '../api/doctor.ts';
import { browserChecks, examineConnection } from '../doctor/examineConnection.ts';
import { problemOf } from './problemWords.ts';

export interface DoctorRow {
  id: string;
  title: string;
  /** undefined: still being looked at. */
  finding: Finding | undefined;
}

/** One examination at a time; rows stand in their order from the beginning, so that nothing jumps as they fill. */
export function useDoctor(streamId: string, streamKey: () => string | undefined) {
  const running = ref(false);
  const findings = shallowRef<Finding[]>([]);
  const problem = ref<string>();
  const checkedAt = ref<Date>();
  let abort: AbortController | undefined;

  const rows = computed<DoctorRow[]>(() => {
    const found = new Map(findings.value.map((finding) => [finding.id, finding]));
    const mine = browserChecks
      .map(({ id, title }) => ({ id, title, finding: found.get(id) }))
      .filter(({ finding }) => finding || running.value);
    const theirs = findings.value
      .filter(({ id }) => !browserChecks.some((check) => check.id === id))
      .map((finding) => ({ id: finding.id, title: finding.title, finding }));
    return [...mine, ...theirs];
  });

  async function examine(): Promise<void> {
    stop();
    const controller = new AbortController();
    abort = controller;
    running.value = true;
    findings.value = [];
    problem.value = undefined;
    try {
      await examineConnection({
        readReport: (signal) => readDoctorReport(streamId, signal),
        openSession: (offer, signal) => openDoctorSession(offer, signal, streamKey()),
        onFindings: (found) => (findings.value = found),
        signal: controller.signal,
      });
      checkedAt.value = new Date();
    } catch (error) {
      if (!controller.signal.aborted) problem.value = problemOf(error).message;
    } finally {
      if (abort === controller) running.value = false;
    }
  }

  function stop(): void {
    abort?.abort(new Error('the examination was stopped'));
    abort = undefined;
    running.value = false;
  }

  onScopeDispose(stop);
  return { running, findings, rows, problem, checkedAt, examine, stop };
}
