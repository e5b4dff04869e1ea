# The API: no model runtime, no decoder. requirements-api.lock is checked by tests/test_compose.py.
FROM python:3.11-slim
WORKDIR /app
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY requirements-api.lock ./
RUN pip install --no-cache-dir --no-deps -r requirements-api.lock && (python -m compileall -q /usr/local/lib || true)
COPY shared/ shared/
COPY api/ api/
COPY cli/__init__.py cli/health.py cli/
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "gunicorn", "-c", "python:api.server", "--bind", "0.0.0.0:8000", "--no-control-socket"]
