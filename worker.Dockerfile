# Workers, sweeper and the `tailtrend` command: everything of the lock file.
FROM python:3.11-slim
WORKDIR /app
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY requirements.lock ./
# Some files of mediapipe and torch are no Python 3.11; nobody imports them.
RUN pip install --no-cache-dir --no-deps -r requirements.lock && (python -m compileall -q /usr/local/lib || true)
# A GPU needs what the lock leaves out: CUDA's libraries, which torch itself asks for.
ARG WITH_CUDA=
RUN if [ -n "$WITH_CUDA" ]; then pip install --no-cache-dir -c requirements.lock torch; fi
COPY pyproject.toml README.md LICENSE ./
COPY shared/ shared/
COPY worker/ worker/
COPY migrations/ migrations/
COPY api/ api/
COPY cli/ cli/
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e . && mkdir /cache && chown 10001:10001 /cache
USER 10001:10001
CMD ["python", "-m", "celery", "-A", "worker.app", "worker", "--pool", "prefork"]
