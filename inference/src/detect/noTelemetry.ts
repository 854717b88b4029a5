/**
 * ONNX Runtime 1.29 and later tells Microsoft about each process, model and session, keeps a device id and a database in
 * the home folder, and has crashed of it (docs/decisions/0022-no-telemetry.md). It reads this when it is loaded; a thread
 * has only a copy of the environment, so the main thread has to set it.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
