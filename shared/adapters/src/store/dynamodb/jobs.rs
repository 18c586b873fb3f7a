//! Webhook jobs.

use std::collections::HashSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId};
use hookrail_domain::job::{Job, JobPosition, JobState};
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::due::{DueJob, Shares};
use hookrail_pipeline::store::jobs::{JobStart, JobStore};
use hookrail_pipeline::store::{Change, StoreError, WebhookKey};

use super::{DynamoDbStore, NOT_THERE, number, text, unavailable};
use crate::store::item::Key;
use crate::store::item::body::{decode_body_alone, encode_body_alone};
use crate::store::item::job::{
    CANCELLED, JOBS_INDEX, JOBS_PARTITION, JOBS_SORT, STARTED, decode_job, encode_job, jobs_partition,
    jobs_place,
};
use crate::store::item::state::DUE_JOBS;

impl DynamoDbStore {
    /// Puts the job on this condition. Returns whether it held.
    async fn put_job_if(&self, job: &Job, condition: &str) -> Result<bool, StoreError> {
        let mut call = self
            .client
            .put_item()
            .table_name(&self.log_table)
            .set_item(Some(encode_job(job)?))
            .condition_expression(condition);
        if condition != NOT_THERE {
            call = call
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":before", number(job.version.saturating_sub(1)));
        }
        let Err(error) = call.send().await else { return Ok(true) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(unavailable(error)),
        }
    }
}

impl JobStore for DynamoDbStore {
    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        self.put_job_if(job, NOT_THERE).await.map(|_new_or_there| ())
    }

    async fn put_content(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        content: &Body,
        expires_at: Millis,
    ) -> Result<(), StoreError> {
        let item = encode_body_alone(Key::content(key, delivery), content, expires_at)?;
        self.put_into_log(item).send().await.map_err(unavailable)?;
        Ok(())
    }

    async fn find_content(&self, key: &WebhookKey, delivery: DeliveryId) -> Result<Option<Body>, StoreError> {
        let item = self.get(&self.log_table, Key::content(key, delivery)).await?;
        item.map(decode_body_alone).transpose()
    }

    async fn due_jobs(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<DueJob>,
    ) -> Result<Vec<DueJob>, StoreError> {
        let decode = |key: Key| {
            let delivery = key.delivery()?;
            Ok((key.into_key()?, delivery))
        };
        self.due((DUE_JOBS, now), Shares::new(share, except), decode).await
    }

    async fn find_job(&self, key: &WebhookKey, delivery: DeliveryId) -> Result<Option<Job>, StoreError> {
        let item = self.get(&self.log_table, Key::job(key, delivery)).await?;
        item.map(decode_job).transpose()
    }

    async fn start_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<JobStart, StoreError> {
        let call = self
            .client
            .update_item()
            .table_name(&self.log_table)
            .set_key(Some(Key::job(key, delivery).into_item()))
            .update_expression("SET #state = :started, #sequence = :sequence ADD #version :one")
            .condition_expression("attribute_exists(pk) AND #state <> :cancelled")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#sequence", "sequence")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":started", text(STARTED))
            .expression_attribute_values(":cancelled", text(CANCELLED))
            .expression_attribute_values(":sequence", number(sequence))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew);
        match call.send().await {
            Ok(answer) => {
                let job = answer.attributes.map(decode_job).transpose()?;
                let corrected = job.filter(|job| job.is_corrected).and_then(|job| job.url);
                Ok(JobStart::Started { corrected })
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                    let job = self.find_job(key, delivery).await?;
                    let is_cancelled = job.is_some_and(|job| job.state == JobState::Cancelled);
                    Ok(if is_cancelled { JobStart::Cancelled } else { JobStart::NoJob })
                }
                _ => Err(unavailable(error)),
            },
        }
    }

    async fn place_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<(), StoreError> {
        let call = self
            .client
            .update_item()
            .table_name(&self.log_table)
            .set_key(Some(Key::job(key, delivery).into_item()))
            .update_expression("SET #sequence = :sequence ADD #version :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#sequence", "sequence")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":sequence", number(sequence))
            .expression_attribute_values(":one", number(1));
        let Err(error) = call.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(unavailable(error)),
        }
    }

    async fn change_job(&self, to: &Job) -> Result<Change, StoreError> {
        let is_done = self.put_job_if(to, "#version = :before").await?;
        Ok(if is_done { Change::Done } else { Change::Lost })
    }

    async fn page_jobs(
        &self,
        company: &CompanyId,
        before: Option<JobPosition>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        // Sorts behind every position: positions begin with digits.
        let before = before.map_or_else(|| "~".to_owned(), |place| jobs_place(&place));
        let mut pages = self
            .client
            .query()
            .table_name(&self.log_table)
            .index_name(JOBS_INDEX)
            .key_condition_expression("#jobs = :jobs AND #place < :before")
            .expression_attribute_names("#jobs", JOBS_PARTITION)
            .expression_attribute_names("#place", JOBS_SORT)
            .expression_attribute_values(":jobs", text(jobs_partition(company)))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        let mut jobs = Vec::new();
        while jobs.len() < limit
            && let Some(item) = pages.next().await
        {
            jobs.push(decode_job(item.map_err(unavailable)?)?);
        }
        Ok(jobs)
    }
}
